package fabric

import (
	"errors"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// ownNamespace is the network namespace of the thread that opens it.
const ownNamespace = "/proc/thread-self/ns/net"

// thread is one operating-system thread that runs functions one after another.
// What a function does to the state of the thread (its network namespace)
// stays, and no other goroutine ever sees it: the thread dies with stop.
type thread struct {
	tasks chan func()
	quit  chan struct{}
	ended <-chan struct{}
	once  sync.Once
}

func newThread() *thread {
	t := &thread{tasks: make(chan func()), quit: make(chan struct{})}
	t.ended = onFreshThread(t.loop)
	return t
}

func (t *thread) loop() {
	for {
		select {
		case task := <-t.tasks:
			task()
		case <-t.quit:
			return
		}
	}
}

// run runs fn on the thread and returns when it has ended, or ErrClosed.
func (t *thread) run(fn func()) error {
	done := make(chan struct{})
	select {
	case t.tasks <- func() { defer close(done); fn() }:
		<-done
		return nil
	case <-t.quit:
		return ErrClosed
	}
}

// stop ends the thread after the function that it runs now.
func (t *thread) stop() {
	t.once.Do(func() { close(t.quit) })
	<-t.ended
}

// onFreshThread runs fn on a thread that nothing else uses and that dies with
// fn: a goroutine that ends while locked takes its thread along. A thread in a
// user namespace could not return to the machine's network namespace anyway.
// The channel closes after fn.
func onFreshThread(fn func()) <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == os.Getpid() {
			// The first thread never dies, and /proc shows its namespace as
			// that of the process: hold it until fn is done elsewhere.
			<-onFreshThread(fn)
			runtime.UnlockOSThread()
			close(ended)
			return
		}
		defer close(ended)
		fn()
	}()
	return ended
}

// enter moves the calling thread into a network namespace.
func enter(netns *os.File) error {
	raw, err := netns.SyscallConn()
	if err != nil {
		return err
	}
	var entered error
	err = raw.Control(func(fd uintptr) { entered = unix.Setns(int(fd), unix.CLONE_NEWNET) })
	return errors.Join(err, entered)
}
