"""What Pulumi says will exist: the one reader of previews and of registrations, for what prices a plan and what judges it."""
