"""Scripts of patients: data, never imported."""
