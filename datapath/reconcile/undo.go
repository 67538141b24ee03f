package reconcile

import "errors"

// Undo is the log of a transaction: for each call that was made, the one that
// takes it back. The zero value is an empty log.
type Undo struct {
	steps []func() error
}

func (u *Undo) add(step func() error) { u.steps = append(u.steps, step) }

// Len is how many calls there are to take back.
func (u *Undo) Len() int { return len(u.steps) }

// Rollback takes everything back, the last call first, and empties the log.
// Every step is attempted; a step that fails leaves its object, and what is
// known of it, as it is, and its error is joined to the others.
func (u *Undo) Rollback() error {
	var errs []error
	for i := len(u.steps) - 1; i >= 0; i-- {
		if err := u.steps[i](); err != nil {
			errs = append(errs, err)
		}
	}
	u.steps = nil
	return errors.Join(errs...)
}
