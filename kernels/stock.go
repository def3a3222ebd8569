package kernels

import "sync"

// stock is values that hold working memory and are used again and again. Unlike a sync.Pool it loses none, neither to the garbage collector
// nor to another processor, so what was once allocated serves every later step; there are as many as were ever in use at once.
type stock[T any] struct {
	mu   sync.Mutex
	idle []*T
}

// get returns the value that was put last, or a new one.
func (s *stock[T]) get() *T {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.idle) - 1
	if last < 0 {
		return new(T)
	}
	v := s.idle[last]
	s.idle = s.idle[:last]
	return v
}

func (s *stock[T]) put(v *T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = append(s.idle, v)
}
