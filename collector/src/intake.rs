//! Takes observations in: parse, order, append, acknowledge once durable.
