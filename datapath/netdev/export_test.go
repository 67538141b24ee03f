package netdev

// WatchSmall is Watch with the smallest buffer that the kernel allows.
func WatchSmall() (*Watcher, error) { return watch(1) }

// Hold keeps the watcher from hearing until it is released.
func (w *Watcher) Hold() (release func()) {
	w.mu.Lock()
	return w.mu.Unlock
}
