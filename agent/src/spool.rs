//! The durable outbox: an observation is on disk before anything else happens. The only file of the agent that knows sled.
