package main

import (
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

const nodeCount = 10

// Bare nodes, and somebody who says of every pod bound to one of them that it runs, and removes it when it is to go.
func startNodes(w *world) {
	resources := corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse("64"),
		corev1.ResourceMemory: resource.MustParse("64Gi"),
		corev1.ResourcePods:   resource.MustParse("110"),
	}
	for i := range nodeCount {
		name := fmt.Sprintf("board-%d", i)
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name}}}
		created, err := w.client.CoreV1().Nodes().Create(w.ctx, node, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			continue
		}
		check(err)
		// A node that is new counts as not ready, which the controllers of nodes would take back.
		created.Spec.Taints = nil
		created, err = w.client.CoreV1().Nodes().Update(w.ctx, created, metav1.UpdateOptions{})
		check(err)
		created.Status.Capacity, created.Status.Allocatable = resources, resources
		created.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady"}}
		_, err = w.client.CoreV1().Nodes().UpdateStatus(w.ctx, created, metav1.UpdateOptions{})
		check(err)
	}
	factory := informers.NewSharedInformerFactory(w.client, 0)
	pods := factory.Core().V1().Pods().Informer()
	keys := make(chan string, 10_000)
	add := func(object any) {
		if key, err := cache.MetaNamespaceKeyFunc(object); err == nil {
			keys <- key
		}
	}
	_, err := pods.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: add, UpdateFunc: func(_, object any) { add(object) }})
	check(err)
	factory.Start(w.ctx.Done())
	factory.WaitForCacheSync(w.ctx.Done())
	// One pod is in one hand at a time.
	var busy sync.Map
	for range 8 {
		go func() {
			for key := range keys {
				if _, taken := busy.LoadOrStore(key, true); taken {
					go func() { time.Sleep(20 * time.Millisecond); keys <- key }()
					continue
				}
				if object, found, err := pods.GetStore().GetByKey(key); err == nil && found {
					w.serve(object.(*corev1.Pod).DeepCopy())
				}
				busy.Delete(key)
			}
		}()
	}
}

func (w *world) serve(pod *corev1.Pod) {
	client := w.client.CoreV1().Pods(pod.Namespace)
	if pod.Spec.NodeName == "" {
		return
	}
	if pod.DeletionTimestamp != nil {
		now := int64(0)
		err := client.Delete(w.ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &now, Preconditions: &metav1.Preconditions{UID: &pod.UID}})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			check(err)
		}
		return
	}
	if pod.Status.Phase == corev1.PodRunning {
		return
	}
	now := metav1.Now()
	pod.Status.Phase = corev1.PodRunning
	pod.Status.StartTime = &now
	pod.Status.PodIP, pod.Status.PodIPs = "10.1.2.3", []corev1.PodIP{{IP: "10.1.2.3"}}
	scheduled := pod.Status.Conditions
	pod.Status.Conditions = nil
	for _, condition := range scheduled {
		if condition.Type == corev1.PodScheduled {
			pod.Status.Conditions = append(pod.Status.Conditions, condition)
		}
	}
	for _, kind := range []corev1.PodConditionType{corev1.PodInitialized, corev1.ContainersReady, corev1.PodReady} {
		pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: now})
	}
	started := true
	pod.Status.ContainerStatuses = nil
	for _, container := range pod.Spec.Containers {
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: container.Name, Image: container.Image, Ready: true, Started: &started,
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}},
		})
	}
	_, err := client.UpdateStatus(w.ctx, pod, metav1.UpdateOptions{})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		check(err)
	}
}
