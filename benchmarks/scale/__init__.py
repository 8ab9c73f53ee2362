"""How many servers a day takes under the autoscaling rule of the manifests: simulated, on measured times."""
