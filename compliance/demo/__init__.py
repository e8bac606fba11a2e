"""Two invented clinics with about thirty people and fifteen months of history, made by the site's own actions."""
