package probe

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"unicode"

	"hopguard/internal/appliance"
)

// maxOutput is how much of a command's output is evidence, in bytes.
const maxOutput = 200

// Exec runs a command for each question, without a shell, and on Linux only. Its
// exit status is the answer:
//
//	0                the member passes
//	1                the member fails
//	everything else  unknown: the command could not tell
//
// Everything else is any other status, the end by a signal, a command that cannot be
// started, and one that is not done in time: it may hang by itself. A monitoring
// plugin, which says "critical" with 2, needs a wrapper.
//
// The command's environment is PATH, HOPGUARD_MEMBER (the member's name),
// HOPGUARD_VM (its resource id) and HOPGUARD_ADDRESS (its next-hop address), and
// nothing else of hopguard's own, which may hold secrets. It has no input. When it
// ends, and when time is over, its whole process group is killed, so that what it
// has left in the background ends too; a process that has left the group is not found.
type Exec struct {
	// Command is a path, or a name to look for in PATH.
	Command string
	// Args are passed as they are. They are not part of the evidence.
	Args []string
	// Address gives HOPGUARD_ADDRESS: a member whose address is not known yet is not
	// asked. Nil leaves the variable empty.
	Address AddressFunc
}

// Ask runs the command once. The evidence is its exit status and the beginning of
// what it has written to its output and its error output.
func (e Exec) Ask(ctx context.Context, m appliance.Member) (appliance.Outcome, string) {
	address := ""
	if e.Address != nil {
		addr, why := e.Address.of(m.Name)
		if why != "" {
			return appliance.Unknown, why
		}
		address = addr.String()
	}
	if ctx.Err() != nil {
		return appliance.Unknown, fmt.Sprintf("%s: not started: no time was left: %v", e.Command, context.Cause(ctx))
	}
	cmd := exec.CommandContext(ctx, e.Command, e.Args...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"),
		"HOPGUARD_MEMBER=" + string(m.Name), "HOPGUARD_VM=" + string(m.VM), "HOPGUARD_ADDRESS=" + address,
	}
	output, err := run(ctx, cmd)
	if err != nil {
		return appliance.Unknown, e.Command + ": " + err.Error()
	}
	return e.judge(ctx, cmd.ProcessState, output)
}

// judge says what the end of the command means.
func (e Exec) judge(ctx context.Context, end *os.ProcessState, output []byte) (appliance.Outcome, string) {
	outcome, evidence := appliance.Unknown, end.String()
	switch code := end.ExitCode(); {
	case code == 0:
		outcome = appliance.Pass
	case code == 1:
		outcome = appliance.Fail
	case code < 0 && ctx.Err() != nil: // killed, by run
		evidence = context.Cause(ctx).Error()
	}
	if said := clean(output); said != "" {
		evidence += ": " + said
	}
	return outcome, e.Command + ": " + evidence
}

// clean makes one line of text that is safe to show on a terminal.
func clean(output []byte) string {
	printable := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(string(output), ""))
	return strings.Join(strings.Fields(printable), " ")
}
