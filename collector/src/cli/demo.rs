//! daicho demo: everything on this machine, the first violations on screen.
