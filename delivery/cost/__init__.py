"""What a change will cost before it is made: a preview in, quantities, rates and lines, a table out."""
