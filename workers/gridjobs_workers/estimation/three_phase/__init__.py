"""Three-phase state estimation on unbalanced, three- or four-wire networks.

The unknowns are the complex voltages of the phase nodes (conductors of buses). The kernels of the symmetric
estimator (sparse factor, inverse subset, gain matrix) work on them unchanged: a phase node takes the place of a bus.
"""
