//! How the agent is, for whoever sits before the machine.
