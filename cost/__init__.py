"""What a plan costs: from resources before and after to quantities, rates and lines of money. No command, no account."""
