"""The lessons of the course: their numbers and titles."""

LESSONS = {
    "00": "Start here",
    "01": "From the VAE to the DDPM",
    "02": "The forward process",
    "03": "The ELBO",
    "04": "Predicting the noise",
    "05": "Sampling",
    "06": "Information and compression",
    "07": "Conditions and scores",
    "08": "From steps to flows",
    "09": "A text-to-image model of your own",
    "A": "Errata",
}
OPTIONAL = {"06"}  # what no later lesson needs
