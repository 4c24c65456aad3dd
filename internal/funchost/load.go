package funchost

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// app is a package as the host has loaded it.
type app struct {
	program, dir string
	arguments    []string
	timeout      time.Duration
	forwarding   bool
	poll         time.Duration // of queues
	invisible    time.Duration // after a failure
	mostDequeues int
	functions    map[string]function
}

// function is one folder.
type function struct {
	name    string
	trigger binding
	// out are the output bindings by name.
	out map[string]binding
}

// binding is one of function.json. Which members count depends on the type.
type binding struct {
	Type, Direction, Name string
	Schedule              string
	QueueName, Connection string
	AuthLevel, Route      string
	Methods               []string
	DataType              string
}

// plain is the function's only input an HTTP trigger, and its only output the response?
// Only then is a request forwarded.
func (f function) plain() bool {
	if f.trigger.Type != "httpTrigger" || len(f.out) != 1 {
		return false
	}
	for _, b := range f.out {
		return b.Type == "http"
	}
	return false
}

// hostFile is host.json, as far as it is known here.
type hostFile struct {
	Version         string
	FunctionTimeout string
	ExtensionBundle struct{ ID, Version string }
	Extensions      struct {
		Queues struct {
			MaxPollingInterval, VisibilityTimeout string
			MaxDequeueCount                       int
			BatchSize, NewBatchThreshold          int
		}
	}
	Singleton struct {
		LockPeriod, ListenerLockPeriod, ListenerLockRecoveryPollingInterval string
	}
	CustomHandler struct {
		Description struct {
			DefaultExecutablePath, WorkingDirectory string
			Arguments                               []string
		}
		EnableForwardingHTTPRequest bool `json:"enableForwardingHttpRequest"`
	}
}

// load reads a package. Like the host it takes the members in any case.
func load(root string, settings map[string]string) (app, error) {
	var host hostFile
	if err := readJSON(filepath.Join(root, "host.json"), &host); err != nil {
		return app{}, err
	}
	if host.Version != "2.0" {
		return app{}, fmt.Errorf("host.json: version is %q, want 2.0", host.Version)
	}
	a := app{
		dir: filepath.Join(root, host.CustomHandler.Description.WorkingDirectory), arguments: host.CustomHandler.Description.Arguments,
		forwarding: host.CustomHandler.EnableForwardingHTTPRequest, mostDequeues: 5, functions: map[string]function{},
	}
	queues := host.Extensions.Queues
	if queues.MaxDequeueCount != 0 {
		a.mostDequeues = queues.MaxDequeueCount
	}
	var lock time.Duration
	for _, span := range []struct {
		name, text  string
		to          *time.Duration
		usual       time.Duration
		least, most time.Duration
	}{
		{"functionTimeout", host.FunctionTimeout, &a.timeout, 30 * time.Minute, time.Second, 0},
		{"extensions.queues.maxPollingInterval", queues.MaxPollingInterval, &a.poll, time.Minute, 100 * time.Millisecond, 0},
		{"extensions.queues.visibilityTimeout", queues.VisibilityTimeout, &a.invisible, 0, 0, 0},
		{"singleton.lockPeriod", host.Singleton.LockPeriod, &lock, 15 * time.Second, 15 * time.Second, time.Minute},
		{"singleton.listenerLockPeriod", host.Singleton.ListenerLockPeriod, &lock, time.Minute, 15 * time.Second, time.Minute},
		{"singleton.listenerLockRecoveryPollingInterval", host.Singleton.ListenerLockRecoveryPollingInterval, &lock, time.Minute, 15 * time.Second, 0},
	} {
		if err := readSpan(span.text, span.usual, span.to); err != nil {
			return app{}, fmt.Errorf("host.json: %s: %w", span.name, err)
		}
		if *span.to < span.least || span.most > 0 && *span.to > span.most {
			return app{}, fmt.Errorf("host.json: %s is %s", span.name, *span.to)
		}
	}
	var err error
	if a.program, err = program(root, host.CustomHandler.Description.DefaultExecutablePath); err != nil {
		return app{}, err
	}
	files, err := filepath.Glob(filepath.Join(root, "*", "function.json"))
	if err != nil || len(files) == 0 {
		return app{}, errors.New("no job functions found")
	}
	for _, file := range files {
		f, err := loadFunction(file, settings)
		if err != nil {
			return app{}, fmt.Errorf("function %s: %w", filepath.Base(filepath.Dir(file)), err)
		}
		if f.uses("queue") && host.ExtensionBundle.ID == "" {
			return app{}, fmt.Errorf("function %s: host.json has no extensionBundle, and queues are not of the host itself", f.name)
		}
		a.functions[f.name] = f
	}
	return a, nil
}

// uses reports whether a binding's type begins so.
func (f function) uses(word string) bool {
	for _, b := range f.out {
		if strings.HasPrefix(b.Type, word) {
			return true
		}
	}
	return strings.HasPrefix(f.trigger.Type, word)
}

func readJSON(file string, to any) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, to); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(file), err)
	}
	return nil
}

// readSpan reads a .NET TimeSpan of less than a day.
func readSpan(text string, usual time.Duration, to *time.Duration) error {
	if *to = usual; text == "" {
		return nil
	}
	m := regexp.MustCompile(`^(\d\d):(\d\d):(\d\d)(\.\d{1,7})?$`).FindStringSubmatch(text)
	if m == nil {
		return fmt.Errorf("%q is no span like 00:05:00", text)
	}
	d, err := time.ParseDuration(m[1] + "h" + m[2] + "m" + m[3] + m[4] + "s")
	*to = d
	return err
}

// program finds the handler: in the package, or in PATH.
func program(root, name string) (string, error) {
	if name == "" {
		return "", errors.New("host.json: customHandler.description.defaultExecutablePath is required")
	}
	path := filepath.Join(root, name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("host.json: defaultExecutablePath: %w", err)
	}
	return path, nil
}

// loadFunction reads one function.json.
func loadFunction(file string, settings map[string]string) (function, error) {
	f := function{name: filepath.Base(filepath.Dir(file)), out: map[string]binding{}}
	if !regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,126}$`).MatchString(f.name) {
		return f, errors.New("the name is not allowed")
	}
	var content struct{ Bindings []binding }
	if err := readJSON(file, &content); err != nil {
		return f, err
	}
	for _, b := range content.Bindings {
		if err := b.resolve(settings); err != nil {
			return f, err
		}
		switch {
		case b.Direction == "in" && f.trigger.Type == "" && slices.Contains([]string{"timerTrigger", "queueTrigger", "httpTrigger"}, b.Type):
			f.trigger = b
		case b.Direction == "out" && slices.Contains([]string{"queue", "http"}, b.Type) && f.out[b.Name].Type == "":
			f.out[b.Name] = b
		default:
			return f, fmt.Errorf("the binding %q of type %q, direction %q is not known here", b.Name, b.Type, b.Direction)
		}
	}
	if f.trigger.Type == "" {
		return f, errors.New("it has no trigger")
	}
	return f, nil
}

// resolve puts settings for %NAME%, and says what a binding lacks.
func (b *binding) resolve(settings map[string]string) error {
	for _, text := range []*string{&b.Schedule, &b.QueueName} {
		for _, m := range regexp.MustCompile(`%([^%]+)%`).FindAllStringSubmatch(*text, -1) {
			value, ok := settings[m[1]]
			if !ok {
				return fmt.Errorf("'%%%s%%' does not resolve to a value", m[1])
			}
			*text = strings.ReplaceAll(*text, m[0], value)
		}
	}
	switch b.Type {
	case "timerTrigger":
		if _, err := every(b.Schedule); err != nil {
			return err
		}
	case "queueTrigger", "queue":
		if !regexp.MustCompile(`^[a-z0-9](-?[a-z0-9]){2,62}$`).MatchString(b.QueueName) {
			return fmt.Errorf("%q is no name of a queue", b.QueueName)
		}
		if _, ok := settings[b.Connection]; !ok {
			return fmt.Errorf("there is no setting %q for the connection", b.Connection)
		}
	case "httpTrigger":
		if !slices.Contains([]string{"anonymous", "function", "admin"}, b.AuthLevel) {
			return fmt.Errorf("the authLevel is %q", b.AuthLevel)
		}
	default: // judged by its caller
	}
	return nil
}

// every returns the time between two ticks of a schedule "*/N * * * * *".
func every(schedule string) (time.Duration, error) {
	m := regexp.MustCompile(`^\*/([1-9][0-9]?)( \*){5}$`).FindStringSubmatch(schedule)
	if m == nil {
		return 0, fmt.Errorf("the schedule %q is not known here: want */N seconds", schedule)
	}
	n, err := strconv.Atoi(m[1])
	if err != nil || 60%n != 0 {
		return 0, fmt.Errorf("the schedule %q is not known here: want a part of a minute", schedule)
	}
	return time.Duration(n) * time.Second, nil
}
