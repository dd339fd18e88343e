"""Verifiers: does a sampled action do what the demonstrated one does?"""
