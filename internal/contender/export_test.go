package contender

import (
	"time"

	"hopguard/internal/config"
)

// Hurried returns a contender with another configuration and, for the function app, another timer.
func Hurried(c Contender, timer time.Duration, change func(*config.Config)) Contender {
	configure := c.configure
	c.configure = func(p Place) config.Config {
		conf := configure(p)
		change(&conf)
		return conf
	}
	c.timer = timer
	return c
}
