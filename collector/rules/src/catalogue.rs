//! What a stock system runs, and what is risky wherever it runs: data for Article 13.
