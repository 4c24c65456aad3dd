package outage

// The names of the modes. Each report says of its modes whether traffic has to move.
const (
	ModePowerOff    = "power-off"
	ModePanic       = "panic"
	ModeGuestHang   = "guest-hang"
	ModeTunnelCut   = "tunnel-cut"
	ModeLoss        = "loss"
	ModeDelay       = "delay"
	ModeRegionCut   = "region-cut"
	ModeARMOutage   = "arm-outage"
	ModeARMThrottle = "arm-throttle"
	ModeObserverCut = "observer-cut"
	ModeFlapping    = "flapping"
	ModePlanned     = "planned"
)

// The names of hopguard's own settings.
const (
	SettingDefaults  = "defaults"
	SettingFast      = "fast"
	SettingSeed      = "seed"
	SettingFunctions = "functions"
)
