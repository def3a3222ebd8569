package kernels

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// pool is the one set of threads behind every operation. Workers wait on wake; the caller of an operation works too. Tasks
// are handed out by an atomic counter, so which thread runs a task is chance: a task must write only what is its own.
var pool = struct {
	busy    sync.Mutex // held by the operation that has the workers
	threads atomic.Int32
	started int // workers running; guarded by busy
	wake    chan *job
	alert   atomic.Int32 // workers that look out for a job and need not be woken
}{wake: make(chan *job, 256)}

func init() { pool.threads.Store(int32(runtime.GOMAXPROCS(0))) }

// SetThreads sets how many threads an operation uses, the caller's own included; n < 1 means one for each processor: GOMAXPROCS, which Go
// takes from the processors the process may run on and, on Linux, from its control group's quota. Results do not depend on it.
func SetThreads(n int) {
	if n < 1 {
		n = runtime.GOMAXPROCS(0)
	}
	pool.threads.Store(int32(min(n, cap(pool.wake))))
}

// Threads is how many threads an operation uses.
func Threads() int { return int(pool.threads.Load()) }

// Parallel calls f(0) … f(n-1), spread over the pool, and returns when all have. The order is open: calls must not depend on
// each other. While the pool is at work, for an outer Parallel or for another goroutine, the calls are made one by one in
// this goroutine instead. A panic in f is handed on to the caller once all calls that had begun have ended.
func Parallel(n int, f func(i int)) { parallel(n, funcTasks(f)) }

// tasks is an operation cut into pieces that do not depend on each other.
type tasks interface{ do(i int) }

type funcTasks func(i int)

func (f funcTasks) do(i int) { f(i) }

// job is one parallel call on its way through the pool.
type job struct {
	tasks  tasks
	n      int64
	next   atomic.Int64 // first task nobody took
	left   atomic.Int64 // tasks not finished
	holds  atomic.Int32 // goroutines that may still look at the job
	done   chan struct{}
	failed atomic.Pointer[any]
}

var jobs = sync.Pool{New: func() any { return &job{done: make(chan struct{}, 1)} }}

func parallel(n int, t tasks) {
	helpers := min(n, Threads()) - 1
	if helpers < 1 || !pool.busy.TryLock() {
		for i := range n {
			t.do(i)
		}
		return
	}
	defer pool.busy.Unlock()
	for ; pool.started < helpers; pool.started++ {
		go worker()
	}
	j := jobs.Get().(*job)
	j.tasks, j.n = t, int64(n)
	j.next.Store(0)
	j.left.Store(int64(n))
	j.holds.Store(int32(helpers) + 1)
	for range helpers {
		select {
		case pool.wake <- j:
		default: // more late workers than the channel holds: go on with fewer
			j.holds.Add(-1)
		}
	}
	j.work()
	if _, ok := look(j.done); !ok {
		<-j.done
	}
	failed := j.failed.Load()
	j.release()
	if failed != nil {
		panic(*failed)
	}
}

// smallWork is how many multiplications are not worth waking another thread for, and alertWork not even one that is awake.
const (
	smallWork = 1 << 20
	alertWork = 1 << 17
)

// spread is parallel for an operation of so many multiplications, in this goroutine alone if they are few.
func spread(work, n int, t tasks) {
	if work >= smallWork || work >= alertWork && pool.alert.Load() > 0 {
		parallel(n, t)
		return
	}
	for i := range n {
		t.do(i)
	}
}

func worker() {
	for {
		pool.alert.Add(1)
		j, ok := look(pool.wake)
		pool.alert.Add(-1)
		if !ok {
			j = <-pool.wake
		}
		j.work()
		j.release()
	}
}

// patience is how long a thread looks out for what it waits for before it goes to sleep: some times what waking it takes. In a network the
// next operation comes sooner as a rule, and many of a small network's take no longer than that themselves.
const patience = 200 * time.Microsecond

// look receives from c if that comes soon.
func look[T any](c <-chan T) (v T, ok bool) {
	for began := time.Now(); time.Since(began) < patience; {
		for range 100 { // some nanoseconds each
			select {
			case v := <-c:
				return v, true
			default:
			}
		}
	}
	return v, false
}

// work runs tasks until none is left to take. A worker that comes late finds none: the caller does not wait for it.
func (j *job) work() {
	for {
		i := j.next.Add(1) - 1
		if i >= j.n {
			return
		}
		j.run(int(i))
		if j.left.Add(-1) == 0 {
			j.done <- struct{}{}
		}
	}
}

func (j *job) run(i int) {
	defer func() {
		if r := recover(); r != nil {
			reason := r // r itself would be allocated for every task
			j.failed.CompareAndSwap(nil, &reason)
		}
	}()
	if j.failed.Load() == nil {
		j.tasks.do(i)
	}
}

// release puts the job back for another call when the last goroutine has let go of it.
func (j *job) release() {
	if j.holds.Add(-1) == 0 {
		j.tasks = nil
		j.failed.Store(nil)
		jobs.Put(j)
	}
}

// chunk is how many values of an elementwise operation make a task: 32 KiB, so that tasks share no cache line and start-up
// costs nothing.
const chunk = 8 << 10

// chunks runs f over [0, n) in pieces.
func chunks(n int, f func(from, to int)) {
	if n <= 2*chunk {
		f(0, n)
		return
	}
	spread(8*n, ceilDiv(n, chunk), funcTasks(func(i int) { f(i*chunk, min(n, (i+1)*chunk)) }))
}
