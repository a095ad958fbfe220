"""The payers of a funding goal and its show: who has paid, what was sent to each payer, and what has arrived.

`present` finds the events of the present access and counts their viewers. `order` lists payers in a fixed order, from
any place. `rows` reads what is known about some payers. `views` serves all of this.
"""
