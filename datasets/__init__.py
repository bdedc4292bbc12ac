"""Footage and faces in, labelled datasets out: the ground floor that everything else stands on."""
