"""What lessons study with the heart: worlds with closed forms, VAE and HVAE, a coder, judges of samples."""
