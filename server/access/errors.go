package access

import "errors"

// What callers tell apart.
var (
	// ErrUnauthenticated is a call of somebody who did not prove who they are.
	ErrUnauthenticated = errors.New("not authenticated")
	// ErrForbidden is a call, or a path in it, that a policy does not permit.
	ErrForbidden = errors.New("not permitted")
	// ErrThrottled is a call that is not looked at because too many before it
	// failed, or too many wait.
	ErrThrottled = errors.New("too many attempts")
	// ErrUnusable is a call that is refused because the files that would decide
	// on it cannot be used.
	ErrUnusable = errors.New("the element's access files cannot be used: its log says why")
	// ErrChanged ends a stream that began under rules which are no longer in
	// force. It may be opened again at once.
	ErrChanged = errors.New("the access rules changed: open the stream again")
)
