// What a controller written in Go does with the same remediations, by client-go: the other side of `cargo bench --bench size`.
//
//	peer informer            a shared informer of all of them; prints "ready" once it has synced, and ends with standard input
//	peer stream SELECTOR     lists those of a field selector page by page; prints how many
//	peer retention           deletes the terminal ones that ended over a week ago, 16 at a time; prints how many
//
// Without client-go's own rate limit, which is 5 requests a second unless a program sets another.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/pager"
)

const (
	pageSize    = 500
	concurrency = 16
	maxAge      = 7 * 24 * time.Hour
)

var remediations = schema.GroupVersionResource{Group: "zen.kube-zen.io", Version: "v1", Resource: "zenagentremediations"}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return err
	}
	config.QPS = -1
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	switch {
	case len(arguments) == 1 && arguments[0] == "informer":
		return informer(client)
	case len(arguments) == 2 && arguments[0] == "stream":
		return stream(client, arguments[1])
	case len(arguments) == 1 && arguments[0] == "retention":
		return retention(client)
	}
	return errors.New("usage: peer informer | stream SELECTOR | retention")
}

func informer(client dynamic.Interface) error {
	stop := make(chan struct{})
	shared := dynamicinformer.NewDynamicSharedInformerFactory(client, 10*time.Minute).ForResource(remediations).Informer()
	go shared.Run(stop)
	if !cache.WaitForCacheSync(stop, shared.HasSynced) {
		return errors.New("the cache did not sync")
	}
	fmt.Println("ready", len(shared.GetStore().ListKeys()))
	_, err := io.Copy(io.Discard, os.Stdin)
	close(stop)
	return err
}

func each(client dynamic.Interface, selector string, do func(*unstructured.Unstructured) error) error {
	list := func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		return client.Resource(remediations).List(ctx, options)
	}
	pages := pager.New(list)
	pages.PageSize = pageSize
	options := metav1.ListOptions{FieldSelector: selector}
	return pages.EachListItem(context.Background(), options, func(object runtime.Object) error {
		return do(object.(*unstructured.Unstructured))
	})
}

func stream(client dynamic.Interface, selector string) error {
	count := 0
	err := each(client, selector, func(*unstructured.Unstructured) error {
		count++
		return nil
	})
	fmt.Println(count)
	return err
}

func retention(client dynamic.Interface) error {
	cutoff := time.Now().Add(-maxAge)
	old := make(chan *unstructured.Unstructured)
	var deleted atomic.Int64
	var failed atomic.Value
	var workers sync.WaitGroup
	for range concurrency {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for object := range old {
				if err := remove(client, object); err != nil {
					failed.Store(err)
				} else {
					deleted.Add(1)
				}
			}
		}()
	}
	var err error
	for _, phase := range []string{"succeeded", "failed", "rolled_back"} {
		err = errors.Join(err, each(client, "status.phase="+phase, func(object *unstructured.Unstructured) error {
			text, _, _ := unstructured.NestedString(object.Object, "status", "completedAt")
			if ended, err := time.Parse(time.RFC3339, text); err == nil && ended.Before(cutoff) {
				old <- object
			}
			return nil
		}))
	}
	close(old)
	workers.Wait()
	fmt.Println(deleted.Load())
	if one, ok := failed.Load().(error); ok {
		err = errors.Join(err, one)
	}
	return err
}

func remove(client dynamic.Interface, object *unstructured.Unstructured) error {
	access, err := meta.Accessor(object)
	if err != nil {
		return err
	}
	uid, version, foreground := access.GetUID(), access.GetResourceVersion(), metav1.DeletePropagationForeground
	return client.Resource(remediations).Namespace(access.GetNamespace()).Delete(context.Background(), access.GetName(), metav1.DeleteOptions{
		Preconditions:     &metav1.Preconditions{UID: &uid, ResourceVersion: &version},
		PropagationPolicy: &foreground,
	})
}
