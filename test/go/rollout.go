package main

import (
	"sort"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
)

const rolled = "go-rollout"

// A Deployment comes up, is rolled to another image and back, and is scaled down.
func rollout(w *world) {
	_, err := w.client.CoreV1().Namespaces().Create(w.ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: rolled}}, metav1.CreateOptions{})
	check(err)
	w.until("pods may be made", func() bool {
		_, err := w.client.CoreV1().ServiceAccounts(rolled).Get(w.ctx, "default", metav1.GetOptions{})
		return err == nil
	})
	labels := map[string]string{"app": "web"}
	_, err = w.client.AppsV1().Deployments(rolled).Create(w.ctx, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Replicas: &w.replicas,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{
				Name: "c", Image: "example.com/web:1",
				Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m")}},
			}}}},
		},
	}, metav1.CreateOptions{})
	check(err)
	w.untilRolledOut("came up", w.replicas)
	w.change(func(deployment *appsv1.Deployment) {
		deployment.Spec.Template.Spec.Containers[0].Image = "example.com/web:2"
	})
	w.untilRolledOut("went over", w.replicas)
	// As `kubectl rollout undo` does: the template of the former ReplicaSet, without its hash.
	former := w.replicaSets()[0]
	w.change(func(deployment *appsv1.Deployment) {
		deployment.Spec.Template = former.Spec.Template
		delete(deployment.Spec.Template.Labels, appsv1.DefaultDeploymentUniqueLabelKey)
	})
	w.untilRolledOut("went back", w.replicas)
	few := w.replicas / 4
	w.change(func(deployment *appsv1.Deployment) { deployment.Spec.Replicas = &few })
	w.untilRolledOut("scaled down", few)
}

func (w *world) change(how func(*appsv1.Deployment)) {
	check(retry.RetryOnConflict(retry.DefaultRetry, func() error {
		deployment, err := w.client.AppsV1().Deployments(rolled).Get(w.ctx, "web", metav1.GetOptions{})
		if err != nil {
			return err
		}
		how(deployment)
		_, err = w.client.AppsV1().Deployments(rolled).Update(w.ctx, deployment, metav1.UpdateOptions{FieldManager: "go"})
		return err
	}))
}

// As `kubectl rollout status` sees it; then what came of it is reported.
func (w *world) untilRolledOut(name string, replicas int32) {
	w.until(name, func() bool {
		deployment, err := w.client.AppsV1().Deployments(rolled).Get(w.ctx, "web", metav1.GetOptions{})
		check(err)
		status := deployment.Status
		return status.ObservedGeneration >= deployment.Generation && status.Replicas == replicas && status.UpdatedReplicas == replicas &&
			status.AvailableReplicas == replicas && len(w.pods()) == int(replicas)
	})
	w.until(name+": the ReplicaSets know it", func() bool {
		for _, set := range w.replicaSets() {
			if set.Status.ObservedGeneration < set.Generation || set.Status.AvailableReplicas != *set.Spec.Replicas || set.Status.Replicas != *set.Spec.Replicas {
				return false
			}
		}
		return true
	})
	deployment, err := w.client.AppsV1().Deployments(rolled).Get(w.ctx, "web", metav1.GetOptions{})
	check(err)
	deployment.ObjectMeta, deployment.ManagedFields = comparable(deployment.ObjectMeta), nil
	sort.Slice(deployment.Status.Conditions, func(i, j int) bool {
		return deployment.Status.Conditions[i].Type < deployment.Status.Conditions[j].Type
	})
	for i := range deployment.Status.Conditions {
		deployment.Status.Conditions[i].LastUpdateTime, deployment.Status.Conditions[i].LastTransitionTime = metav1.Time{}, metav1.Time{}
	}
	report("rollout "+name+": deployment", deployment)
	report("rollout "+name+": its managers", managers(deployment.ObjectMeta))
	for _, set := range w.replicaSets() {
		set.ObjectMeta, set.ManagedFields = comparable(set.ObjectMeta), nil
		// How many steps a rollout takes is the controller's own affair.
		set.Generation, set.Status.ObservedGeneration = 0, 0
		report("rollout "+name+": replica set", set)
	}
	pods := w.pods()
	bound := 0
	for _, pod := range pods {
		if pod.Spec.NodeName != "" {
			bound++
		}
	}
	report("rollout "+name+": bound pods", bound)
	pod := pods[0]
	pod.ObjectMeta = comparable(pod.ObjectMeta)
	pod.Name, pod.Spec.NodeName, pod.ManagedFields = "", "", nil
	pod.Status.StartTime = nil
	for i := range pod.Status.Conditions {
		pod.Status.Conditions[i].LastTransitionTime = metav1.Time{}
	}
	for i := range pod.Status.ContainerStatuses {
		pod.Status.ContainerStatuses[i].State.Running.StartedAt = metav1.Time{}
	}
	for i := range pod.Spec.Volumes {
		pod.Spec.Volumes[i].Name = ""
	}
	for i := range pod.Spec.Containers[0].VolumeMounts {
		pod.Spec.Containers[0].VolumeMounts[i].Name = ""
	}
	report("rollout "+name+": a pod", pod)
}

// Oldest revision first.
func (w *world) replicaSets() []appsv1.ReplicaSet {
	list, err := w.client.AppsV1().ReplicaSets(rolled).List(w.ctx, metav1.ListOptions{LabelSelector: "app=web"})
	check(err)
	sort.Slice(list.Items, func(i, j int) bool {
		const revision = "deployment.kubernetes.io/revision"
		return list.Items[i].Annotations[revision] < list.Items[j].Annotations[revision]
	})
	return list.Items
}

func (w *world) pods() []corev1.Pod {
	list, err := w.client.CoreV1().Pods(rolled).List(w.ctx, metav1.ListOptions{LabelSelector: "app=web", FieldSelector: "status.phase=Running"})
	check(err)
	return list.Items
}

func managers(meta metav1.ObjectMeta) []string {
	names := []string{}
	for _, entry := range meta.ManagedFields {
		names = append(names, entry.Manager+" "+string(entry.Operation)+" "+entry.Subresource)
	}
	return names
}
