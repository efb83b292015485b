package main

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What belongs to an owner goes with it, before it or not at all, as the deletion says; a namespace goes with all that is in it.
func owners(w *world) {
	maps := w.client.CoreV1().ConfigMaps(rolled)
	for _, policy := range []metav1.DeletionPropagation{metav1.DeletePropagationBackground, metav1.DeletePropagationForeground, metav1.DeletePropagationOrphan} {
		owner, err := maps.Create(w.ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "owner-"}}, metav1.CreateOptions{})
		check(err)
		blocks := true
		reference := metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: owner.Name, UID: owner.UID, BlockOwnerDeletion: &blocks}
		for i := range 5 {
			child := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-%d", owner.Name, i), OwnerReferences: []metav1.OwnerReference{reference}, Labels: map[string]string{"owner": owner.Name}}}
			_, err := maps.Create(w.ctx, child, metav1.CreateOptions{})
			check(err)
		}
		children := func() []corev1.ConfigMap {
			list, err := maps.List(w.ctx, metav1.ListOptions{LabelSelector: "owner=" + owner.Name})
			check(err)
			return list.Items
		}
		check(maps.Delete(w.ctx, owner.Name, metav1.DeleteOptions{PropagationPolicy: &policy}))
		w.until(string(policy)+": the owner is gone", func() bool {
			_, err := maps.Get(w.ctx, owner.Name, metav1.GetOptions{})
			return apierrors.IsNotFound(err)
		})
		if policy == metav1.DeletePropagationOrphan {
			left := children()
			references := 0
			for _, child := range left {
				references += len(child.OwnerReferences)
			}
			report("owner: "+string(policy), map[string]int{"children": len(left), "references": references})
			continue
		}
		w.until(string(policy)+": the children are gone", func() bool { return len(children()) == 0 })
		report("owner: "+string(policy), "gone")
	}
	// An owner that does not exist.
	absent := metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: "absent", UID: "5f0d0f6e-0e6b-4f0c-9f43-111111111111"}
	_, err := maps.Create(w.ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "stray", OwnerReferences: []metav1.OwnerReference{absent}}}, metav1.CreateOptions{})
	check(err)
	w.until("the stray is gone", func() bool {
		_, err := maps.Get(w.ctx, "stray", metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})
	// A Deployment whose pods go first.
	foreground := metav1.DeletePropagationForeground
	check(w.client.AppsV1().Deployments(rolled).Delete(w.ctx, "web", metav1.DeleteOptions{PropagationPolicy: &foreground}))
	w.until("the deployment is gone", func() bool {
		_, err := w.client.AppsV1().Deployments(rolled).Get(w.ctx, "web", metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})
	pods, err := w.client.CoreV1().Pods(rolled).List(w.ctx, metav1.ListOptions{})
	check(err)
	report("a deployment deleted in the foreground leaves", map[string]int{"sets": len(w.replicaSets()), "pods": len(pods.Items)})
}

func namespaces(w *world) {
	const ns = "go-namespace"
	_, err := w.client.CoreV1().Namespaces().Create(w.ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}, metav1.CreateOptions{})
	check(err)
	var namespace *corev1.Namespace
	w.until("it has its CA", func() bool {
		_, err := w.client.CoreV1().ConfigMaps(ns).Get(w.ctx, "kube-root-ca.crt", metav1.GetOptions{})
		return err == nil
	})
	w.until("it has its account", func() bool {
		_, err := w.client.CoreV1().ServiceAccounts(ns).Get(w.ctx, "default", metav1.GetOptions{})
		return err == nil
	})
	replicas, labels := int32(3), map[string]string{"app": "x"}
	_, err = w.client.AppsV1().Deployments(ns).Create(w.ctx, &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "x"}, Spec: appsv1.DeploymentSpec{
		Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}}},
	}}, metav1.CreateOptions{})
	check(err)
	held := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "held", Finalizers: []string{"example.com/hold"}}}
	_, err = w.client.CoreV1().ConfigMaps(ns).Create(w.ctx, held, metav1.CreateOptions{})
	check(err)
	w.until("its pods run", func() bool {
		deployment, err := w.client.AppsV1().Deployments(ns).Get(w.ctx, "x", metav1.GetOptions{})
		check(err)
		return deployment.Status.AvailableReplicas == replicas
	})
	check(w.client.CoreV1().Namespaces().Delete(w.ctx, ns, metav1.DeleteOptions{}))
	w.until("it waits for the finalizer alone", func() bool {
		namespace, err = w.client.CoreV1().Namespaces().Get(w.ctx, ns, metav1.GetOptions{})
		check(err)
		pods, err := w.client.CoreV1().Pods(ns).List(w.ctx, metav1.ListOptions{})
		check(err)
		for _, condition := range namespace.Status.Conditions {
			if condition.Type == corev1.NamespaceContentRemaining && condition.Message == "Some resources are remaining: configmaps. has 1 resource instances" {
				return len(pods.Items) == 0
			}
		}
		return false
	})
	for i := range namespace.Status.Conditions {
		namespace.Status.Conditions[i].LastTransitionTime = metav1.Time{}
	}
	report("a namespace that waits", map[string]any{"spec": namespace.Spec, "status": namespace.Status})
	_, err = w.client.CoreV1().ConfigMaps(ns).Create(w.ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "late"}}, metav1.CreateOptions{})
	report("made in a namespace that ends", status(err))
	found, err := w.client.CoreV1().ConfigMaps(ns).Get(w.ctx, "held", metav1.GetOptions{})
	check(err)
	found.Finalizers = nil
	_, err = w.client.CoreV1().ConfigMaps(ns).Update(w.ctx, found, metav1.UpdateOptions{})
	check(err)
	for _, name := range []string{ns, rolled} {
		if name == rolled {
			check(w.client.CoreV1().Namespaces().Delete(w.ctx, name, metav1.DeleteOptions{}))
		}
		w.until(name+" is gone", func() bool {
			_, err := w.client.CoreV1().Namespaces().Get(w.ctx, name, metav1.GetOptions{})
			return apierrors.IsNotFound(err)
		})
	}
	report("namespaces", "gone")
}
