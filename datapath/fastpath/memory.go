package fastpath

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// array is a BPF array (BPF_F_MMAPABLE) in this process's memory. The program
// reads and writes it at the same time, so words that both touch are only
// accessed by sync/atomic.
type array[T any] struct {
	mem    []byte
	values []T
}

// mapArray maps all values of m. T has the layout of the map's value, a
// multiple of eight octets: that is the kernel's distance between values.
func mapArray[T any](m *ebpf.Map) (array[T], error) {
	var zero T
	if size := unsafe.Sizeof(zero); size != uintptr(m.ValueSize()) {
		return array[T]{}, fmt.Errorf("map %s: a value has %d octets, want %d", m, m.ValueSize(), size)
	}
	return mapRows[T](m)
}

// mapRows is mapArray for rows of values: T is an array of them.
func mapRows[T any](m *ebpf.Map) (array[T], error) {
	var zero T
	size := int(unsafe.Sizeof(zero))
	whole := int(m.MaxEntries()) * int(m.ValueSize())
	if size%8 != 0 || m.ValueSize()%8 != 0 || whole%size != 0 {
		return array[T]{}, fmt.Errorf("map %s: %d values of %d octets are no rows of %d", m, m.MaxEntries(), m.ValueSize(), size)
	}
	n := whole / size
	page := os.Getpagesize()
	length := (n*size + page - 1) / page * page
	mem, err := unix.Mmap(m.FD(), 0, length, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return array[T]{}, fmt.Errorf("map memory of %s: %w", m, err)
	}
	return array[T]{mem, unsafe.Slice((*T)(unsafe.Pointer(&mem[0])), n)}, nil
}

func (a *array[T]) close() error {
	if a.mem == nil {
		return nil
	}
	mem := a.mem
	a.mem, a.values = nil, nil
	return unix.Munmap(mem)
}

// word is the eight octets at p as one word, in the machine's order; p lies in
// an array and is a multiple of eight.
func word[T any](p *T) *uint64 { return (*uint64)(unsafe.Pointer(p)) }

// storeWord writes v, of eight octets, over *p at once.
func storeWord[T any](p *T, v T) { atomic.StoreUint64(word(p), *word(&v)) }

// loadWord reads *p, of eight octets, at once.
func loadWord[T any](p *T) T {
	w := atomic.LoadUint64(word(p))
	return *(*T)(unsafe.Pointer(&w))
}
