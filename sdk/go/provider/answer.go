package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"

	providerv1 "github.com/weir/weir-go/gen/weir/provider/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// batch is a batch that is being answered: its queries run side by side, and what is ready is sent without
// waiting for the rest. An error of one query is that query's alone.
type batch struct {
	provider *Provider
	fault    Fault
	// ready takes one result at a time, so that what a slow router has not taken yet is bounded.
	ready chan *encoded
}

// job is a query and its place in the batch.
type job struct {
	index uint32
	query Query
}

// task answers one query, or all of a context whose author fetches many at once.
type task func(ctx context.Context)

func (s *service) Fetch(request *providerv1.FetchRequest, stream providerv1.ProviderService_FetchServer) error {
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	provider := s.current()
	batch := &batch{provider: provider, fault: s.fault, ready: make(chan *encoded)}
	go func() {
		defer close(batch.ready)
		runBounded(ctx, batch.tasks(request), provider.concurrency())
	}()
	if err := sendResults(stream, batch.ready); err != nil {
		return err
	}
	return overStatus(ctx)
}

// overStatus is the status of a call whose context is over; nil when it is not.
func overStatus(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return status.FromContextError(ctx.Err()).Err()
}

// sendResults sends results as they come; those that are ready together share a message.
func sendResults(stream providerv1.ProviderService_FetchServer, ready <-chan *encoded) error {
	for first := range ready {
		message := &providerv1.FetchResponse{Results: []*providerv1.FetchResult{first.result}}
		bytes := first.bytes
		runtime.Gosched()
		for more := next(ready); more != nil; more = next(ready) {
			if bytes+more.bytes > messageMaxBytes {
				if err := stream.Send(message); err != nil {
					return err
				}
				message, bytes = &providerv1.FetchResponse{}, 0
			}
			message.Results = append(message.Results, more.result)
			bytes += more.bytes
		}
		if err := stream.Send(message); err != nil {
			return err
		}
	}
	return nil
}

// next returns a result that is ready; nil when there is none.
func next(ready <-chan *encoded) *encoded {
	select {
	case more := <-ready:
		return more
	default:
		return nil
	}
}

func (b *batch) tasks(request *providerv1.FetchRequest) []task {
	caller := callerOf(request.Caller)
	var tasks []task
	together := map[*Context][]job{}
	for index, query := range request.Queries {
		job := job{uint32(index), Query{Key: query.Key, KnownEtag: query.KnownEtag, Caller: caller}}
		context := b.provider.offered(query.Type, query.TypeVersion)
		switch {
		case context == nil:
			name := query.Type + "@" + query.TypeVersion
			err := Errorf(codes.Unimplemented, "this provider does not offer %s", name)
			tasks = append(tasks, b.known(job, encodeError(err)))
		case !strings.HasPrefix(query.Key, context.KeyPrefix):
			tasks = append(tasks, b.known(job, encodeError(ErrNotFound)))
		case context.FetchMany == nil:
			tasks = append(tasks, b.one(context, job))
		default:
			together[context] = append(together[context], job)
		}
	}
	for context, jobs := range together {
		tasks = append(tasks, b.many(context, jobs))
	}
	return tasks
}

func (b *batch) known(job job, result *encoded) task {
	return func(ctx context.Context) { b.put(ctx, job, result) }
}

func (b *batch) one(offered *Context, job job) task {
	return func(ctx context.Context) {
		content, err := guarded(func() (*Content, error) { return offered.Fetch(ctx, job.query) })
		b.finish(ctx, offered, job, Answer{content, err})
	}
}

func (b *batch) many(offered *Context, jobs []job) task {
	return func(ctx context.Context) {
		queries := make([]Query, len(jobs))
		for at, job := range jobs {
			queries[at] = job.query
		}
		answers, err := guarded(func() ([]Answer, error) { return offered.FetchMany(ctx, queries) })
		if err == nil && len(answers) != len(jobs) {
			err = fmt.Errorf("FetchMany returned %d answers to %d queries: return one for each, in their order",
				len(answers), len(jobs))
		}
		for at, job := range jobs {
			if err != nil {
				b.finish(ctx, offered, job, Answer{Err: err})
			} else {
				b.finish(ctx, offered, job, answers[at])
			}
		}
	}
}

// finish sends an answer, and the parts that follow it.
func (b *batch) finish(ctx context.Context, offered *Context, job job, answer Answer) {
	result, err := (*encoded)(nil), answer.Err
	if err == nil {
		result, err = encodeContent(answer.Content, job.query.KnownEtag)
	}
	if err == nil {
		err = b.send(ctx, job, result)
	}
	if err == nil || ctx.Err() != nil {
		return
	}
	b.put(ctx, job, encodeError(err))
	if !isTold(err) {
		b.fault(offered.Type+"/"+job.query.Key, err)
	}
}

// send sends a result. Each part waits for the next, so that a value whose reader fails at its end can still
// be taken back.
func (b *batch) send(ctx context.Context, job job, result *encoded) error {
	defer result.close()
	held := result
	for result.parts != nil {
		part, err := result.parts()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		b.put(ctx, job, held)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		held = encodePart(part)
	}
	b.put(ctx, job, held)
	return nil
}

// put hands a result to the call, unless that is over.
func (b *batch) put(ctx context.Context, job job, result *encoded) {
	result.result.Index = job.index
	select {
	case b.ready <- result:
	case <-ctx.Done():
	}
}

// runBounded runs tasks, some at once.
func runBounded(ctx context.Context, tasks []task, limit int) {
	queue := make(chan task)
	var group sync.WaitGroup
	for worker := 0; worker < limit && worker < len(tasks); worker++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for task := range queue {
				task(ctx)
			}
		}()
	}
	for _, task := range tasks {
		if ctx.Err() != nil {
			break
		}
		queue <- task
	}
	close(queue)
	group.Wait()
}

// guarded calls a function of the author's; a panic is an error of it.
func guarded[T any](call func() (T, error)) (value T, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("panic: %v\n%s", panicked, debug.Stack())
		}
	}()
	return call()
}

func (p *Provider) concurrency() int {
	if p.Concurrency == 0 {
		return defaultConcurrency
	}
	return p.Concurrency
}

// offered returns the context of a type, and of a version unless that is "".
func (p *Provider) offered(typeName, version string) *Context {
	for at := range p.Contexts {
		context := &p.Contexts[at]
		if context.Type == typeName && (version == "" || context.Version == version) {
			return context
		}
	}
	return nil
}

func callerOf(from *providerv1.Caller) Caller {
	caller := Caller{Tenant: from.GetTenant(), Principal: from.GetPrincipal(), Attributes: map[string]any{}}
	if from.GetAttributes() != nil {
		caller.Attributes = from.Attributes.AsMap()
	}
	return caller
}
