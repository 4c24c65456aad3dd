package cli

import (
	"context"

	"hopguard/internal/sim"
)

// Dashboard is a simulated Meraki Dashboard beside a simulated Azure.
type Dashboard = dashboard

// NewDashboard makes the one that hopguard sim --meraki serves.
func NewDashboard(cloud *sim.Cloud) (*Dashboard, error) { return newDashboard(cloud, simFlags{}) }

// Follow calls follow.
func (d *dashboard) Follow(ctx context.Context) error { return d.follow(ctx) }
