"""Carbon and cost of an energy that was measured: intensities per country, prices by time of use, what users set."""
