// Drives a Kubernetes API through the official Go clients, protobuf on the wire, and prints what the objects are at the end, one JSON
// document a line: what has to differ between two runs is left out, so that two API servers, or two sets of controllers, can be compared.
//
//	go run . KUBECONFIG [REPLICAS]
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// How long anything may take: only what never happens takes that long.
const patience = 4 * time.Minute

type world struct {
	ctx      context.Context
	config   *rest.Config
	client   *kubernetes.Clientset
	replicas int32
}

func main() {
	if len(os.Args) < 2 {
		fail("KUBECONFIG is missing")
	}
	replicas := 200
	if len(os.Args) > 2 {
		number, err := strconv.Atoi(os.Args[2])
		check(err)
		replicas = number
	}
	config, err := clientcmd.BuildConfigFromFlags("", os.Args[1])
	check(err)
	config.QPS, config.Burst = 500, 1000
	config.ContentType = "application/vnd.kubernetes.protobuf"
	config.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	client, err := kubernetes.NewForConfig(config)
	check(err)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	w := &world{ctx: ctx, config: config, client: client, replicas: int32(replicas)}

	for _, step := range []struct {
		name string
		run  func(*world)
	}{
		{"typed objects", typedObjects},
		{"nodes", startNodes},
		{"rollout", rollout},
		{"owners", owners},
		{"controller", runController},
		{"namespaces", namespaces},
	} {
		began := time.Now()
		step.run(w)
		fmt.Fprintf(os.Stderr, "%s: %.1f s\n", step.name, time.Since(began).Seconds())
	}
}

// Prints one result under a name.
func report(name string, value any) {
	text, err := json.Marshal(map[string]any{"name": name, "value": plain(value)})
	check(err)
	fmt.Println(string(text))
}

// The same as a tree of JSON.
func plain(value any) any {
	text, err := json.Marshal(value)
	check(err)
	var tree any
	check(json.Unmarshal(text, &tree))
	return tree
}

// Asks again and again until it is so.
func (w *world) until(what string, so func() bool) {
	deadline := time.Now().Add(patience)
	for !so() {
		if time.Now().After(deadline) {
			fail("it never came to this: " + what)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func check(err error) {
	if err != nil {
		fail(err.Error())
	}
}

func fail(why string) {
	fmt.Fprintln(os.Stderr, why)
	os.Exit(1)
}
