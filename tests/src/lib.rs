//! Journeys of the real programs, the house's own rules, load and kill tests.
