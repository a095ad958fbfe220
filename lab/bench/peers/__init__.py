"""The peers of `bench lateness` and `bench letin`: other schedulers.

Their modules import nothing of the product. The settings of stock django-q2 name two of its app configurations.
"""
