import { describeFaults } from '../parts/faults.ts';

describeFaults('loss');
describeFaults('start');
