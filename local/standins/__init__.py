"""Stand-ins for the services outside AWS that Middlewatch speaks to, over HTTP and strict as the real ones."""
