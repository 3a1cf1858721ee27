"""How a new version takes over: rolling, canary, A/B, blue-green."""
