package main

import (
	"context"
	"github.com/go-logr/logr"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

const finalizer = "example.com/mirror"

// Keeps a Secret beside every ConfigMap labelled `mirror`.
type mirror struct{ client.Client }

func (m *mirror) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	var source corev1.ConfigMap
	if err := m.Get(ctx, request.NamespacedName, &source); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if source.Labels["mirror"] == "" {
		return ctrl.Result{}, nil
	}
	if source.DeletionTimestamp != nil {
		before := source.DeepCopy()
		controllerutil.RemoveFinalizer(&source, finalizer)
		return ctrl.Result{}, client.IgnoreNotFound(m.Patch(ctx, &source, client.MergeFrom(before)))
	}
	if controllerutil.AddFinalizer(&source, finalizer) {
		if err := m.Update(ctx, &source); err != nil {
			return ctrl.Result{}, err
		}
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: source.Name, Namespace: source.Namespace}}
	_, err := controllerutil.CreateOrPatch(ctx, m.Client, secret, func() error {
		secret.Data = map[string][]byte{}
		for key, value := range source.Data {
			secret.Data[key] = []byte(value)
		}
		return controllerutil.SetControllerReference(&source, secret, m.Scheme())
	})
	return ctrl.Result{}, err
}

// A controller as people write them with controller-runtime, elected by a Lease.
func runController(w *world) {
	ctx, stop := context.WithCancel(w.ctx)
	log.SetLogger(logr.Discard())
	manager, err := ctrl.NewManager(w.config, ctrl.Options{
		Metrics:                       server.Options{BindAddress: "0"},
		LeaderElection:                true,
		LeaderElectionID:              "mirror",
		LeaderElectionNamespace:       rolled,
		LeaderElectionReleaseOnCancel: true,
	})
	check(err)
	check(ctrl.NewControllerManagedBy(manager).For(&corev1.ConfigMap{}).Owns(&corev1.Secret{}).Complete(&mirror{manager.GetClient()}))
	done := make(chan error, 1)
	go func() { done <- manager.Start(ctx) }()

	maps, secrets := w.client.CoreV1().ConfigMaps(rolled), w.client.CoreV1().Secrets(rolled)
	_, err = maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "source", Labels: map[string]string{"mirror": "yes"}}, Data: map[string]string{"a": "1"}}, metav1.CreateOptions{})
	check(err)
	has := func(value string) func() bool {
		return func() bool {
			secret, err := secrets.Get(ctx, "source", metav1.GetOptions{})
			return err == nil && string(secret.Data["a"]) == value
		}
	}
	w.until("the secret is there", has("1"))
	check(secrets.Delete(ctx, "source", metav1.DeleteOptions{}))
	w.until("the secret is back", has("1"))
	source, err := maps.Get(ctx, "source", metav1.GetOptions{})
	check(err)
	source.Data["a"] = "2"
	_, err = maps.Update(ctx, source, metav1.UpdateOptions{})
	check(err)
	w.until("the secret follows", has("2"))
	secret, err := secrets.Get(ctx, "source", metav1.GetOptions{})
	check(err)
	secret.ObjectMeta, secret.ManagedFields = comparable(secret.ObjectMeta), nil
	report("a controller's secret", secret)
	check(maps.Delete(ctx, "source", metav1.DeleteOptions{}))
	w.until("the secret goes with its source", func() bool {
		_, err := secrets.Get(ctx, "source", metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})
	stop()
	check(<-done)
	lease, err := w.client.CoordinationV1().Leases(rolled).Get(w.ctx, "mirror", metav1.GetOptions{})
	check(err)
	report("the controller's lease is given back", *lease.Spec.HolderIdentity == "")
}
