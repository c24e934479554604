"""Where students' code runs: bubblewrap around a fork server that has the lab's modules loaded."""
