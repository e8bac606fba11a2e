"""What a clinic hands to an inspector, and what a person takes with her: tables, papers, and the means to check them."""
