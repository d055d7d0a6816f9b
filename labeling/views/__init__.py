"""What people see: each view is a door that gates, parses, calls one service and answers."""
