package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/signalbox/signalbox/server/access"
)

// userFlags are what the commands about users take.
type userFlags struct {
	stateDir string
	json     bool
}

func userCommand() *cobra.Command {
	f := &userFlags{}
	c := &cobra.Command{
		Use:   "user",
		Short: "Say who is let in by name and password",
		Long: `Say who is let in by name and password.

The names and hashes of passwords are in the file ` + access.UsersFile + ` of the
state folder. Where that file is, a call without a name and password of it (or a
client certificate, with serve --client-ca) is refused. An element that runs
takes changes up at once; none has to run.`,
	}
	c.PersistentFlags().StringVar(&f.stateDir, "state-dir", defaultStateDir, "`FOLDER` of the element's configuration")
	c.AddCommand(userAddCommand(f), userRemoveCommand(f), userListCommand(f))
	return c
}

func userAddCommand(f *userFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "add NAME",
		Short: "Let in a user, or give one another password",
		Long: `Let in a user, or give one another password. The password is asked for, or
read from standard input where that is no terminal.`,
		Example: `  signalbox user add alice
  pass show switches | signalbox user add collector`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: f.completeName,
		RunE: func(cmd *cobra.Command, args []string) error {
			password, err := newPassword(cmd)
			if err != nil {
				return err
			}
			added, err := access.AddUser(f.stateDir, args[0], password)
			if err != nil {
				return ownersRemedy(err)
			}
			said := "user %s has a new password\n"
			if added {
				said = "user %s is let in\n"
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), said, args[0])
			return err
		},
	}
}

func userRemoveCommand(f *userFlags) *cobra.Command {
	return &cobra.Command{
		Use:               "remove NAME...",
		Short:             "Let in users no more, and end their streams",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: f.completeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			var errs []error
			for _, name := range args {
				err := access.RemoveUser(f.stateDir, name)
				if err == nil {
					_, err = fmt.Fprintf(cmd.OutOrStdout(), "user %s is let in no more\n", name)
				}
				errs = append(errs, err)
			}
			return ownersRemedy(errors.Join(errs...))
		},
	}
}

func userListCommand(f *userFlags) *cobra.Command {
	c := &cobra.Command{
		Use:   "list",
		Short: "Print the names of those who are let in",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			names, err := access.ListUsers(f.stateDir)
			if err != nil {
				return ownersRemedy(err)
			}
			if f.json {
				return printJSON(cmd.OutOrStdout(), append([]string{}, names...))
			}
			for _, name := range names {
				if _, err := fmt.Fprintln(cmd.OutOrStdout(), name); err != nil {
					return err
				}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&f.json, "json", false, "print JSON for scripts")
	return c
}

// completeName completes the one name that a command takes.
func (f *userFlags) completeName(cmd *cobra.Command, given []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(given) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return f.completeNames(cmd, given, typed)
}

// completeNames completes names that are in the file.
func (f *userFlags) completeNames(_ *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
	names, err := access.ListUsers(f.stateDir)
	if err != nil {
		cobra.CompErrorln(err.Error())
		return nil, cobra.ShellCompDirectiveError
	}
	return slices.DeleteFunc(names, func(n string) bool { return slices.Contains(given, n) }), cobra.ShellCompDirectiveNoFileComp
}

// ownersRemedy adds what helps to an error of somebody whose files these are
// not.
func ownersRemedy(err error) error {
	if errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0 {
		return fmt.Errorf("%w: run it as root, or as the user that the element runs as", err)
	}
	return err
}
