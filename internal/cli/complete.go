package cli

import (
	"github.com/spf13/cobra"

	"hopguard/internal/config"
)

// complete makes the shell offer words for a flag of cmd.
func complete(cmd *cobra.Command, flag string, words ...string) {
	offer(cmd, flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

func offer(cmd *cobra.Command, flag string, words cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, words); err != nil {
		panic("cli: " + err.Error()) // there is no such flag
	}
}

// groupFlag adds the flag that picks one group.
func (g *global) groupFlag(cmd *cobra.Command, name *string, usage string) {
	cmd.Flags().StringVar(name, "group", "", usage)
	offer(cmd, "group", g.words(func(c config.Group) []string { return []string{c.Name} }))
}

// memberFlag adds a flag that names a member.
func (g *global) memberFlag(cmd *cobra.Command, flag string, name *string, usage string) {
	cmd.Flags().StringVar(name, flag, "", usage)
	offer(cmd, flag, g.words(memberNames))
}

func memberNames(c config.Group) []string {
	var names []string
	for _, m := range c.Members {
		names = append(names, m.Name)
	}
	return names
}

// words offers words of every group of the configuration, if there is a good one.
func (g *global) words(of func(config.Group) []string) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		c, err := g.load()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var words []cobra.Completion
		for _, group := range c.Groups {
			words = append(words, of(group)...)
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}
