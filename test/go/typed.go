package main

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1apply "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// What of an object is the same on every server.
func comparable(meta metav1.ObjectMeta) metav1.ObjectMeta {
	meta.UID, meta.ResourceVersion, meta.CreationTimestamp = "", "", metav1.Time{}
	for i := range meta.ManagedFields {
		meta.ManagedFields[i].Time = nil
	}
	for i := range meta.OwnerReferences {
		meta.OwnerReferences[i].UID = ""
	}
	return meta
}

// Every form of request that the typed clients have, and what they make of the answers.
func typedObjects(w *world) {
	const ns = "go-typed"
	core := w.client.CoreV1()
	_, err := core.Namespaces().Create(w.ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}, metav1.CreateOptions{})
	check(err)
	w.until("the namespace has its account", func() bool {
		_, err := core.ServiceAccounts(ns).Get(w.ctx, "default", metav1.GetOptions{})
		return err == nil
	})

	maps := core.ConfigMaps(ns)
	object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "a", Labels: map[string]string{"x": "Größe"[:1]}}, Data: map[string]string{"k": "☃"}, BinaryData: map[string][]byte{"b": {0, 255}}}
	created, err := maps.Create(w.ctx, object, metav1.CreateOptions{FieldManager: "go"})
	check(err)
	_, err = maps.Create(w.ctx, object, metav1.CreateOptions{})
	report("created twice", map[string]any{"exists": apierrors.IsAlreadyExists(err), "status": status(err)})
	created.Data["k"] = "v"
	updated, err := maps.Update(w.ctx, created, metav1.UpdateOptions{FieldManager: "go"})
	check(err)
	_, err = maps.Update(w.ctx, created, metav1.UpdateOptions{})
	report("updated with an old version", map[string]any{"conflict": apierrors.IsConflict(err), "status": status(err)})
	patched, err := maps.Patch(w.ctx, "a", types.StrategicMergePatchType, []byte(`{"data":{"p":"q"}}`), metav1.PatchOptions{FieldManager: "go"})
	check(err)
	applied, err := maps.Apply(w.ctx, corev1apply.ConfigMap("a", ns).WithData(map[string]string{"applied": "1"}), metav1.ApplyOptions{FieldManager: "apply"})
	check(err)
	_, err = maps.Apply(w.ctx, corev1apply.ConfigMap("a", ns).WithData(map[string]string{"k": "other"}), metav1.ApplyOptions{FieldManager: "apply"})
	report("applied what is another's", status(err))
	for name, one := range map[string]*corev1.ConfigMap{"created": created, "updated": updated, "patched": patched, "applied": applied} {
		one.ObjectMeta = comparable(one.ObjectMeta)
		report("config map "+name, one)
	}

	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{GenerateName: "p-"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "C"}}}}
	_, err = core.Pods(ns).Create(w.ctx, pod, metav1.CreateOptions{})
	report("an invalid pod", map[string]any{"invalid": apierrors.IsInvalid(err)})
	_, err = maps.Get(w.ctx, "none", metav1.GetOptions{})
	report("what is not there", status(err))

	now := metav1.NewMicroTime(time.UnixMicro(1_700_000_000_000_001))
	holder, seconds := "go", int32(15)
	lease, err := w.client.CoordinationV1().Leases(ns).Create(w.ctx, &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: "l"},
		Spec: coordinationv1.LeaseSpec{HolderIdentity: &holder, LeaseDurationSeconds: &seconds, RenewTime: &now}}, metav1.CreateOptions{})
	check(err)
	report("lease", lease.Spec)

	expires := int64(600)
	token, err := core.ServiceAccounts(ns).CreateToken(w.ctx, "default", &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{Audiences: []string{"https://kubernetes.default.svc"}, ExpirationSeconds: &expires}}, metav1.CreateOptions{})
	check(err)
	review, err := w.client.AuthenticationV1().TokenReviews().Create(w.ctx, &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: token.Status.Token, Audiences: []string{"https://kubernetes.default.svc"}}}, metav1.CreateOptions{})
	check(err)
	report("token review", map[string]any{"authenticated": review.Status.Authenticated, "user": review.Status.User.Username})
	access, err := w.client.AuthorizationV1().SelfSubjectAccessReviews().Create(w.ctx, &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "list", Resource: "pods"}}}, metav1.CreateOptions{})
	check(err)
	report("access review", access.Status.Allowed)

	report("in protobuf alone", onlyProtobuf(w, ns))
	check(maps.DeleteCollection(w.ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "x"}))
	_, err = maps.Get(w.ctx, "a", metav1.GetOptions{})
	report("deleted", apierrors.IsNotFound(err))
	check(core.Namespaces().Delete(w.ctx, ns, metav1.DeleteOptions{}))
}

// A client that takes nothing but protobuf: an object, a list, an error, and the events of a watch.
func onlyProtobuf(w *world, ns string) any {
	config := rest.CopyConfig(w.config)
	config.AcceptContentTypes = "application/vnd.kubernetes.protobuf"
	var mutex sync.Mutex
	seen := map[string]bool{}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(request *http.Request) (*http.Response, error) {
			response, err := next.RoundTrip(request)
			if err == nil {
				mutex.Lock()
				seen[response.Header.Get("Content-Type")] = true
				mutex.Unlock()
			}
			return response, err
		})
	})
	client, err := kubernetes.NewForConfig(config)
	check(err)
	maps := client.CoreV1().ConfigMaps(ns)
	object, err := maps.Get(w.ctx, "a", metav1.GetOptions{})
	check(err)
	list, err := maps.List(w.ctx, metav1.ListOptions{LabelSelector: "x"})
	check(err)
	_, missing := maps.Get(w.ctx, "none", metav1.GetOptions{})
	watch, err := maps.Watch(w.ctx, metav1.ListOptions{LabelSelector: "x", ResourceVersion: list.ResourceVersion})
	check(err)
	_, err = maps.Patch(w.ctx, "a", types.MergePatchType, []byte(`{"data":{"watched":"yes"}}`), metav1.PatchOptions{})
	check(err)
	event := <-watch.ResultChan()
	watch.Stop()
	mutex.Lock()
	defer mutex.Unlock()
	return map[string]any{"data": object.Data, "items": len(list.Items), "missing": apierrors.IsNotFound(missing), "types": seen,
		"event": event.Type, "watched": event.Object.(*corev1.ConfigMap).Data["watched"]}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

func status(err error) any {
	if reported, ok := err.(apierrors.APIStatus); ok {
		result := reported.Status()
		result.Message = strings.TrimSpace(result.Message)
		return result
	}
	if err == nil || err == io.EOF {
		return nil
	}
	return err.Error()
}
