//! Sends what is spooled, oldest first, and forgets it once the collector says that it is durable.
