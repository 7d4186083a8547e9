//! Host of a Linux machine: `read` touches the machine, `parse` is pure.
