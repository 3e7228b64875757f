"""What lessons study with the heart: data with closed forms, VAE and HVAE, a coder, metrics of samples."""
