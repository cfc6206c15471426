import { describeFaults } from '../parts/faults.ts';

describeFaults('silence');
describeFaults('order');
