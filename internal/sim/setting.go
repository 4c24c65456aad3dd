package sim

import (
	"time"

	"hopguard/internal/config"
)

// setting is a way to run hopguard in the world.
type setting struct {
	// name says what is particular about it.
	name string
	// change makes it of the world's plain configuration.
	change func(*config.Config)
}

// The checks of the demo. The data path is asked quickly, as it can be in real
// life; the power state is not, because Azure throttles that.
const (
	demoInterval = time.Second
	demoTimeout  = 300 * time.Millisecond
	demoStatus   = 2 * time.Second
)

// settings are measured side by side.
func settings() []setting {
	return []setting{
		{"this demo: tcp every 1s, vm-status every 2s", demoSetting},
		{"hopguard's defaults: tcp 1s, vm-status 10s", defaultSetting},
		{"without checks: vm-status every 10s", func(*config.Config) {}},
		{"the old function: every 30s, one table at a time", oldSetting},
	}
}

// demoSetting checks the data path every second, and the power state.
func demoSetting(c *config.Config) {
	c.Groups[0].Checks = []config.Check{
		statusCheck(demoStatus),
		tcpCheck(),
	}
}

// defaultSetting has the two checks that need nothing but a port, as they are when
// nothing else is said of them.
func defaultSetting(c *config.Config) {
	tcp := config.DefaultCheck(config.KindTCP)
	tcp.Port = 443
	c.Groups[0].Checks = []config.Check{config.DefaultCheck(config.KindVMStatus), tcp}
}

// statusOnlySetting reads nothing but the power state, as quickly as the demo
// checks the data path.
func statusOnlySetting(c *config.Config) {
	c.Groups[0].Checks = []config.Check{statusCheck(demoInterval)}
}

// oldSetting does what the function did: a timer of 30 s, the power state, three
// tries two seconds apart, one table after the other.
func oldSetting(c *config.Config) {
	k := config.DefaultCheck(config.KindVMStatus)
	k.Interval, k.ConfirmInterval, k.Fall = 30*time.Second, 2*time.Second, 3
	c.Groups[0].Checks = []config.Check{k}
	c.Azure.Parallel = 1
}

// tcpCheck asks the appliances themselves: the data path.
func tcpCheck() config.Check {
	k := config.DefaultCheck(config.KindTCP)
	k.Port = 443
	k.Interval, k.Timeout, k.ConfirmInterval = demoInterval, demoTimeout, demoTimeout
	return k
}

func statusCheck(interval time.Duration) config.Check {
	k := config.DefaultCheck(config.KindVMStatus)
	k.Interval, k.Timeout, k.ConfirmInterval = interval, interval/2, min(interval, k.ConfirmInterval)
	return k
}

// configure returns the world's configuration with a setting.
func (c *Cloud) configure(change func(*config.Config)) (config.Config, error) {
	conf, err := c.Config(inMemory)
	if err != nil {
		return config.Config{}, err
	}
	change(&conf)
	return conf.Complete(), nil
}
