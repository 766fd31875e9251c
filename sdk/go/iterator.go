package weir

import "errors"

// Iterator yields values one by one. It is read by one goroutine:
//
//	defer values.Close()
//	for values.Next() {
//		use(values.Value())
//	}
//	if err := values.Err(); err != nil {
//		return err
//	}
type Iterator[T any] struct {
	next  func() (T, error)
	close func()
	value T
	err   error
	ended bool
}

// errEnd says that an iterator has no more values.
var errEnd = errors.New("no more values")

func newIterator[T any](next func() (T, error), close func()) *Iterator[T] {
	return &Iterator[T]{next: next, close: close}
}

func failedIterator[T any](err error) *Iterator[T] {
	return &Iterator[T]{err: err, ended: true, close: func() {}}
}

// Next waits for the next value, and says whether there is one. After false Err says why.
func (it *Iterator[T]) Next() bool {
	if it.ended {
		return false
	}
	value, err := it.next()
	if err == nil {
		it.value = value
		return true
	}
	it.Close()
	if !errors.Is(err, errEnd) {
		it.err = err
	}
	return false
}

// Value returns the value that Next found.
func (it *Iterator[T]) Value() T { return it.value }

// Err returns what ended the iterator; nil when there was nothing more, or Close ended it.
func (it *Iterator[T]) Err() error { return it.err }

// Close ends the iterator, and cancels what is under way for it. Closing it again does nothing.
func (it *Iterator[T]) Close() {
	it.ended = true
	it.close()
}
