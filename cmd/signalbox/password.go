package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// Environment variables with the name and password for the element.
const (
	envUsername = "SIGNALBOX_USERNAME"
	envPassword = "SIGNALBOX_PASSWORD"
)

// maxPasswordLine bounds a line that a password is read from, in octets.
const maxPasswordLine = 4096

// registerLogin adds who the client says it is. There is no flag for the
// password: everybody on the machine could read it.
func (f *clientFlags) registerLogin(c *cobra.Command) {
	c.PersistentFlags().StringVar(&f.Username, "username", os.Getenv(envUsername),
		"`NAME` to log in with ("+envUsername+"); the password is asked for, or taken from "+envPassword)
	c.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if f.Username == "" {
			return nil
		}
		if f.Password = os.Getenv(envPassword); f.Password != "" {
			return nil
		}
		if !isTerminal(cmd.InOrStdin()) {
			return fmt.Errorf("no password for %s: set %s", f.Username, envPassword)
		}
		password, err := ask(cmd, "Password of "+f.Username+": ")
		f.Password = string(password)
		return err
	}
}

// newPassword asks for a password twice, or reads the first line of what is no
// terminal.
func newPassword(cmd *cobra.Command) ([]byte, error) {
	if !isTerminal(cmd.InOrStdin()) {
		line, err := bufio.NewReader(io.LimitReader(cmd.InOrStdin(), maxPasswordLine)).ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("password from standard input: %w", err)
		}
		return bytes.TrimRight(line, "\r\n"), nil
	}
	first, err := ask(cmd, "New password: ")
	if err != nil {
		return nil, err
	}
	again, err := ask(cmd, "Once more: ")
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(first, again) {
		return nil, errors.New("the passwords differ: nothing is changed")
	}
	return first, nil
}

// ask reads a line from the terminal without showing it.
func ask(cmd *cobra.Command, prompt string) ([]byte, error) {
	fmt.Fprint(cmd.ErrOrStderr(), prompt)
	password, err := term.ReadPassword(int(cmd.InOrStdin().(*os.File).Fd()))
	fmt.Fprintln(cmd.ErrOrStderr())
	if err != nil {
		return nil, fmt.Errorf("password from the terminal: %w", err)
	}
	return password, nil
}

func isTerminal(in io.Reader) bool {
	file, ok := in.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
